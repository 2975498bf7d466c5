-- Built-in roles beside those of OpenEMS: of organisations, of edges and sites, of edge groups. access/roles.ts names the bits.

insert into role (id, name, organisation_id, self_mask, content_mask, suborganisation_mask, openems_role) values
  (5, 'org.owner', null, 655231, 655231, 655231, 'installer'),
  (6, 'org.manager', null, 44415, 33151, 0, 'installer'),
  (7, 'org.viewer', null, 1, 31, 0, 'guest'),
  (8, 'org.member', null, 1, 3, 0, null),
  (9, 'resource.administration', null, 627583, 627583, 0, 'owner'),
  (10, 'resource.control', null, 32831, 32831, 0, 'owner'),
  (11, 'resource.detail', null, 31, 31, 0, 'guest'),
  (12, 'resource.overview', null, 3, 3, 0, null),
  (13, 'group.administration', null, 21279, 31, 0, 'guest'),
  (14, 'group.detail', null, 1, 31, 0, 'guest');
