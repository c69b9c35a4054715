/** Measured values by name. The unit is the last word of the name. */
export type Measures = Readonly<Record<string, number>>
