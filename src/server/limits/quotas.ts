/** The settings `LOOM_LIMIT_…`. Each limit is one of a principal, over all instances. Without it, there is none. */
export interface Quotas {
  /** The number of requests below `/api`. */
  requests?: Quota
  /** The tokens of the answers. */
  tokens?: Quota
  /** The cost of the answers, in US dollars. */
  cost?: Quota
  /** The number of turns that run at once. Tasks do not count. */
  turns?: number
  /** The number of streams that are open at once. */
  streams?: number
}

export interface Quota {
  amount: number
  /** The window begins with the first use, in seconds. */
  windowS: number
}
