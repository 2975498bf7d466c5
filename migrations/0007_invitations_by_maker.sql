-- Whoever made invitations lists them.

create index invitation_created_by on invitation (created_by);
