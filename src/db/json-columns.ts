import type { ColumnType } from 'kysely'

/** A jsonb column. Written as text (`JSON.stringify`), because `pg` would send an array as a PostgreSQL array. */
export type Json<T> = ColumnType<T, string, string>
export type DefaultedJson<T> = ColumnType<T, string | undefined, string>
export type NullableJson<T> = ColumnType<T | null, string | null | undefined, string | null>
