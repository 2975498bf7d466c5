/** Rows by a key that several of them share. */
export class Multimap<K, V> {
  readonly #values = new Map<K, V[]>()

  add(key: K, value: V): void {
    const values = this.#values.get(key)
    if (values) values.push(value)
    else this.#values.set(key, [value])
  }

  remove(key: K, value: V): void {
    const values = this.#values.get(key)
    const at = values?.indexOf(value) ?? -1
    if (values === undefined || at < 0) return
    if (values.length === 1) this.#values.delete(key)
    else values.splice(at, 1)
  }

  get(key: K): readonly V[] {
    return this.#values.get(key) ?? []
  }
}
