import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'

/** Finds the address a client really has, and counts its sockets. */
export class Addresses {
  readonly #trusted = new BlockList()
  readonly #trustsAny: boolean
  readonly #open = new Map<string, number>()

  /** `trusted`: addresses or CIDR ranges of proxies whose `X-Forwarded-For` is believed. Throws on nonsense. */
  constructor(trusted: readonly string[]) {
    this.#trustsAny = trusted.length > 0
    for (const entry of trusted) {
      const [address = '', prefix] = entry.split('/')
      const family = isIP(address)
      if (family === 0) throw new Error(`EMS_TRUSTED_PROXIES: "${entry}" is neither an address nor a CIDR range`)
      if (prefix === undefined) this.#trusted.addAddress(address, family === 6 ? 'ipv6' : 'ipv4')
      else this.#trusted.addSubnet(address, Number(prefix), family === 6 ? 'ipv6' : 'ipv4')
    }
  }

  /** The peer's own address, or, behind trusted proxies, the last address in the chain that is not one of them. */
  clientAddress(request: IncomingMessage): string {
    let address = plain(request.socket.remoteAddress ?? '')
    if (!this.#isTrusted(address)) return address
    const chain = String(request.headers['x-forwarded-for'] ?? '').split(',')
    for (const hop of chain.reverse()) {
      const candidate = plain(hop.trim())
      if (isIP(candidate) === 0) break
      address = candidate
      if (!this.#isTrusted(candidate)) break
    }
    return address
  }

  /** Counts one more socket; false when the address has `limit` already. */
  enter(address: string, limit: number): boolean {
    const open = this.#open.get(address) ?? 0
    if (open >= limit) return false
    this.#open.set(address, open + 1)
    return true
  }

  leave(address: string): void {
    const open = (this.#open.get(address) ?? 1) - 1
    if (open <= 0) this.#open.delete(address)
    else this.#open.set(address, open)
  }

  #isTrusted(address: string): boolean {
    if (!this.#trustsAny) return false
    const family = isIP(address)
    return family !== 0 && this.#trusted.check(address, family === 6 ? 'ipv6' : 'ipv4')
  }
}

/** IPv4 addresses also arrive as `::ffff:1.2.3.4`. */
function plain(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address
}
