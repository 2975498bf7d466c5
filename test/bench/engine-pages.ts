import type { EdgeQuery } from '../../src/access/search-query.ts'
import { type Crowd, NOW, type Times, timesOf } from './engine-crowd.ts'
import { producttypeNames, searchTerms, type UserClass } from './fleet.ts'

/** One kind of page for one class of user: `cold` is his first question of all, `warm` the same again. */
export interface PageTimes {
  name: string
  kind: string
  cold: Times
  warm: Times
}

const LIMIT = 20
const COLD = 300
const WARM = 300
const FAULT = 3

type Kind = (crowd: Crowd, total: number) => EdgeQuery

const plain = (more: Partial<EdgeQuery> = {}): EdgeQuery => ({ order: [], offset: 0, limit: LIMIT, ...more })

/** What is asked, by the name the figure gets. */
export const pageKinds: Readonly<Record<string, Kind>> = {
  first: () => plain(),
  'any page': (crowd, total) => plain({ offset: LIMIT * crowd.random(Math.ceil(total / LIMIT)) }),
  'filter offline': ({ states }) => plain({ within: [states.onlineTest(false)] }),
  'filter fault': ({ states }) => plain({ within: [states.sumStateTest([FAULT])] }),
  'filter type': () => plain({ producttypes: producttypeNames.slice(0, 1) }),
  'filter offline, fault, type': ({ states }) =>
    plain({
      producttypes: producttypeNames.slice(0, 1),
      within: [states.onlineTest(false), states.sumStateTest([FAULT])],
    }),
  'by comment': () => plain({ order: [{ field: 'comment', descending: false }] }),
  'by id, down': () => plain({ order: [{ field: 'id', descending: true }] }),
  'by sum state': ({ states }) =>
    plain({
      order: [
        {
          field: 'rank',
          descending: true,
          rank: (id) => Math.max(0, states.sumStateOf(id)),
          ranks: states.sumStateRanks,
        },
      ],
    }),
  'text, common': () => plain({ text: searchTerms.common }),
  'text, medium': () => plain({ text: searchTerms.medium }),
  'text, rare': () => plain({ text: searchTerms.rare }),
  'text, nowhere': () => plain({ text: 'qqq' }),
  'two letters': () => plain({ text: 'z,' }),
  'two letters, nowhere': () => plain({ text: 'qj' }),
  'one letter': () => plain({ text: 'h' }),
}

/** What to measure, as patterns of the names of classes of users and of kinds of pages; all when left out. */
export interface PagesWanted {
  names?: string
  kinds?: string
}

/** Every kind of page for every class of user; a page is the edges and the role on each. */
export function measurePages(crowd: Crowd, { names = '', kinds = '' }: PagesWanted = {}): PageTimes[] {
  const classes = crowd.facts.classes.filter(({ name }) => new RegExp(names).test(name))
  const wanted = Object.entries(pageKinds).filter(([kind]) => new RegExp(kinds).test(kind))
  return classes.flatMap((one) => {
    const total = crowd.index.countEdges(one.users[0] ?? 0, NOW, Number.POSITIVE_INFINITY)
    return wanted.map(([kind, queryOf]) => {
      const query = () => queryOf(crowd, total)
      return { name: one.name, kind, cold: coldTimes(crowd, one, query), warm: warmTimes(crowd, one, query) }
    })
  })
}

function coldTimes(crowd: Crowd, one: UserClass, query: () => EdgeQuery): Times {
  const prepare = () => {
    const userId = crowd.newcomer(one)
    crowd.forgetDerived()
    return { userId, query: query() }
  }
  return timesOf(COLD, prepare, ({ userId, query }) => page(crowd, userId, query))
}

function warmTimes(crowd: Crowd, one: UserClass, query: () => EdgeQuery): Times {
  const userId = one.users[0] ?? 0
  page(crowd, userId, query())
  page(crowd, userId, query())
  return timesOf(WARM, query, (again) => page(crowd, userId, again))
}

export function page({ index }: Crowd, userId: number, query: EdgeQuery): unknown[] {
  return index.listEdges(userId, query, NOW).map((edge) => ({ edge, role: index.edgeRole(userId, edge.id, NOW) }))
}

/** Medians of one class of user, to be held against another way to answer. */
export interface EngineSample {
  name: string
  checkMs: number
  pageMs: number
}

export function sampleAnswers(crowd: Crowd): EngineSample[] {
  return crowd.facts.classes.map((one) => {
    const someone = () => crowd.someOf(one.users)
    const check = (userId: number) => crowd.index.edgeRole(userId, crowd.someEdge(), NOW)
    const first = (userId: number) => page(crowd, userId, plain())
    return {
      name: one.name,
      checkMs: timesOf(WARM, someone, check).p50,
      pageMs: timesOf(WARM, someone, first).p50,
    }
  })
}
