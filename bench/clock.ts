/**
 * Milliseconds on the machine's monotonic clock, which all processes of one machine share.
 * `performance.now()` would not do: each process counts it from its own start.
 */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6
