/** The limits of the output of a command that a model receives: its end. The whole output is in a log. */
export const shownLinesMax = 2000
export const shownBytesMax = 50 * 1024
