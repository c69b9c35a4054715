/**
 * Whether the text of a tool call's input has no arguments: nothing, null or `{}`, also as a JSON string.
 * A server may send these before the arguments, and packages report `{}` for an input that did not
 * arrive. So in an answer that was cut off they do not prove a call.
 */
export const isEmptyInput = (text: string): boolean => /^[\s"]*(?:\{\s*\}|null)?[\s"]*$/.test(text)
