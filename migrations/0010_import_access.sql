-- Who gains or loses what by an import: all of it, in pages, beside the report that everybody reads.

create table import_access (
  import_id uuid not null,
  page integer not null,
  details jsonb not null,
  constraint import_access_pk primary key (import_id, page),
  constraint import_access_job_fk foreign key (import_id) references import_job (id) on delete cascade
);
comment on table import_access is 'A hundred lines a page, from 0; EMS_IMPORT_MAX_ACCESS_LINES says how many lines there are at most.';
