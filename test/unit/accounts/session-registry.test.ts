import { describe, expect, it } from 'vitest'
import type { ChangeListener } from '../../../src/access/access-store.ts'
import { SessionRegistry } from '../../../src/accounts/session-registry.ts'

function setUp() {
  let now = 1_000_000
  let tell: ChangeListener = () => undefined
  const store = {
    onChange(listener: ChangeListener) {
      tell = listener
      return () => {
        tell = () => undefined
      }
    },
  }
  const registry = new SessionRegistry({ store, clock: () => new Date(now) })
  const heard: string[] = []
  registry.onEnded((sessionId, reason) => heard.push(`${sessionId} ${reason}`))
  return {
    registry,
    heard,
    end: (sessionId: string, reason = 'logout') =>
      tell(
        [
          {
            revision: 1,
            at: now,
            actorId: null,
            subjectId: null,
            action: 'session.ended',
            entity: 'session',
            entityId: sessionId,
            noted: true,
            hash: '',
            before: null,
            after: { userId: 7, reason },
          },
        ],
        [],
      ),
    pass: (ms: number) => {
      now += ms
    },
    inOneMinute: () => new Date(now + 60_000),
  }
}

describe('session registry', () => {
  it('takes what it has not admitted for ended', () => {
    const { registry, inOneMinute } = setUp()
    expect(registry.isEnded('a')).toBe(true)
    expect(registry.admit({ sessionId: 'a', expiresAt: inOneMinute() })).toBe(true)
    expect(registry.isEnded('a')).toBe(false)
  })

  it('ends a session when the log says so and tells whoever holds sockets', () => {
    const { registry, heard, end, inOneMinute } = setUp()
    registry.admit({ sessionId: 'a', expiresAt: inOneMinute() })
    registry.admit({ sessionId: 'b', expiresAt: inOneMinute() })
    end('a', 'passwordChanged')
    end('a')
    end('elsewhere')
    expect(registry.isEnded('a')).toBe(true)
    expect(registry.isEnded('b')).toBe(false)
    expect(heard).toEqual(['a passwordChanged'])
  })

  it('does not admit what ended while the database was asked', () => {
    const { registry, heard, end, inOneMinute } = setUp()
    end('a')
    expect(registry.admit({ sessionId: 'a', expiresAt: inOneMinute() })).toBe(false)
    expect(registry.isEnded('a')).toBe(true)
    expect(heard).toEqual([])
  })

  it('keeps a session until its last socket is gone', () => {
    const { registry, inOneMinute } = setUp()
    registry.admit({ sessionId: 'a', expiresAt: inOneMinute() })
    registry.admit({ sessionId: 'a', expiresAt: inOneMinute() })
    registry.release('a')
    expect(registry.isEnded('a')).toBe(false)
    registry.release('a')
    expect(registry.isEnded('a')).toBe(true)
    registry.release('a')
    expect(registry.admit({ sessionId: 'a', expiresAt: inOneMinute() })).toBe(true)
  })

  it('lets sessions expire by the clock, and closes their sockets at the next look', () => {
    const { registry, heard, pass, inOneMinute } = setUp()
    registry.admit({ sessionId: 'a', expiresAt: inOneMinute() })
    pass(59_999)
    expect(registry.isEnded('a')).toBe(false)
    pass(1)
    expect(registry.isEnded('a')).toBe(true)
    expect(heard).toEqual([])
    registry.endExpired()
    expect(heard).toEqual(['a expired'])
  })
})
