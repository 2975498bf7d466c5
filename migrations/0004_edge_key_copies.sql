-- Sealed copies of API keys, for peers that need them in clear (Backend.Edge.App). Empty unless the operator opted in.

create table edge_key_copy (
  edge_key_id integer not null,
  sealed_with text not null,
  sealed text not null,
  constraint edge_key_copy_pk primary key (edge_key_id),
  constraint edge_key_copy_edge_key_fk foreign key (edge_key_id) references edge_key (id) on delete cascade
);
comment on table edge_key_copy is 'AES-256-GCM under a key from EMS_EDGE_KEY_SEALS, which is not in the database; sealed_with names it.';
