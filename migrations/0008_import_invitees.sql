-- Whom an import invites: who has no password yet, and who has an account that is somebody else's to change.

create table import_invitee (
  import_id uuid not null,
  login text not null,
  account_id integer,
  email text,
  constraint import_invitee_pk primary key (import_id, login),
  constraint import_invitee_job_fk foreign key (import_id) references import_job (id) on delete cascade
);
comment on table import_invitee is 'For vouchers, page by page, however many people a file brings.';
comment on column import_invitee.account_id is 'The account that the import made; null: of somebody else, which nobody is told. No foreign key: deleted with the account.';
comment on column import_invitee.email is 'What the file says of somebody whose account is not told; else the account has it.';
create index import_invitee_account on import_invitee (account_id);
create index import_invitee_login on import_invitee (login) where account_id is null;
