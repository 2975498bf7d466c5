-- Who gave up a name, by going or by taking another: for access in the past.
create index change_name on change (
  entity,
  coalesce(before ->> 'login', before ->> 'edgeId', before ->> 'name'),
  revision
) where not noted and before is not null and (after is null or before ->> 'login' is distinct from after ->> 'login')
  and entity in ('user', 'service', 'edge');
