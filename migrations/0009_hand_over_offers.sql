-- An edge or a site that is handed over once the new owner accepts it.

alter table invitation add column resource_id integer;
alter table invitation add column hand_over jsonb;
alter table invitation add constraint invitation_resource_fk
  foreign key (resource_id) references resource (id) on delete cascade;
create index invitation_resource on invitation (resource_id);
comment on column invitation.resource_id is 'The edge or site that whoever accepts takes over.';
comment on column invitation.hand_over is 'On which terms: who were owners, what they keep, what the new one sees.';
