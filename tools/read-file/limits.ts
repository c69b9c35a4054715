/** The limits of one window of a file, apart from the code that reads it, which loads with the first call. */
export const linesMax = 2000
export const lineCharsMax = 2000
export const bytesMax = 50 * 1024
