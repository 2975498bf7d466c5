-- Acting as somebody else, invitations into organisations and groups, accounts that a group looks after, default edge groups.
-- Everything here stands beside the access graph.

alter table session add column parent_id uuid;
alter table session add column via_group_id integer;
alter table session add constraint session_parent_fk foreign key (parent_id) references session (id) on delete cascade;
create index session_parent on session (parent_id);
comment on column session.parent_id is 'The session of whoever acts as this user, and the way back; null: the user himself.';
comment on column session.via_group_id is 'The user group by which he may; null: by his right on the platform. Asked of the graph at every call.';

create table impersonation_consent (
  membership_id integer not null,
  given_at timestamptz not null,
  constraint impersonation_consent_pk primary key (membership_id),
  constraint impersonation_consent_membership_fk foreign key (membership_id) references membership (id) on delete cascade
);
comment on table impersonation_consent is 'A member lets those who decide about the group act as him (K4). Ends with the membership.';

create table default_edge_group (
  user_id integer not null,
  edge_group_id integer not null,
  constraint default_edge_group_pk primary key (user_id),
  constraint default_edge_group_user_fk foreign key (user_id) references user_account (id) on delete cascade,
  constraint default_edge_group_edge_group_fk foreign key (edge_group_id) references edge_group (id) on delete cascade
);
create index default_edge_group_edge_group on default_edge_group (edge_group_id);
comment on table default_edge_group is 'Where edges start that a user claims (G-21).';

create table managed_account (
  user_id integer not null,
  group_id integer not null,
  constraint managed_account_pk primary key (user_id),
  constraint managed_account_user_fk foreign key (user_id) references user_account (id) on delete cascade,
  constraint managed_account_group_fk foreign key (group_id) references user_group (id) on delete cascade
);
create index managed_account_group on managed_account (group_id);
comment on table managed_account is 'Accounts made inside a user group (E-04), until their holder sets a password of his own.';

alter table invitation alter column token_hash drop not null;
alter table invitation add column organisation_id integer;
alter table invitation add column member_role text;
alter table invitation add column group_id integer;
alter table invitation add column user_id integer;
alter table invitation add column addressee text;
alter table invitation add column member_from timestamptz;
alter table invitation add column member_to timestamptz;
alter table invitation add column rejected_at timestamptz;
alter table invitation add constraint invitation_organisation_fk
  foreign key (organisation_id) references organisation (id) on delete cascade;
alter table invitation add constraint invitation_group_fk
  foreign key (group_id) references user_group (id) on delete cascade;
alter table invitation add constraint invitation_user_fk
  foreign key (user_id) references user_account (id) on delete cascade;
create index invitation_organisation on invitation (organisation_id);
create index invitation_group on invitation (group_id);
create index invitation_user on invitation (user_id);
comment on column invitation.token_hash is 'A voucher: whoever holds it registers or joins with it. Null: for one account only.';
comment on column invitation.user_id is 'Whose invitation it is; null: nobody has such an account, which nobody is told.';
comment on column invitation.addressee is 'Login or e-mail address as it was typed.';
