/**
 * The values of one label. Each value is a series that Prometheus keeps, so their number is bounded: a client
 * may choose a model, and an MCP server the names of its tools.
 */

/** The value of a label for all names that come after the first ones. */
const otherValue = 'other'

export class LabelValues {
  readonly #known = new Set<string>()
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  /** Returns the name, or `other` if there are too many names. */
  of(name: string): string {
    if (this.#known.has(name)) return name
    if (this.#known.size >= this.#max) return otherValue
    this.#known.add(name)
    return name
  }
}

/** The labels that all metrics share: a name counts once, whichever metric has it. */
export interface Labels {
  agent: LabelValues
  model: LabelValues
  tool: LabelValues
}

export const boundedLabels = (): Labels => ({
  agent: new LabelValues(100),
  model: new LabelValues(100),
  tool: new LabelValues(200),
})
