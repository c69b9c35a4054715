/**
 * Returns the time in milliseconds on the machine's monotonic clock, which all processes share.
 * `performance.now()` counts from the start of each process, so it cannot be compared between
 * processes.
 */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6
