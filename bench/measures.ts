/** Measured values by name; the unit is the last word of the name. */
export type Measures = Readonly<Record<string, number>>
