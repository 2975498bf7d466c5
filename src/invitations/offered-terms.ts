/** On which terms an edge or a site is offered. */
export interface OfferedTerms {
  /** Earlier owners beside those who were granted the right to grant, by id. */
  earlier: number[]
  keepHistory: boolean
  showPast: boolean
  leaveOrganisation: boolean
  setupPassword: 'end' | 'keep'
}
