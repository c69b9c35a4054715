/**
 * Whether the text of a tool call's input holds no arguments: nothing, null or `{}`, also as a JSON text
 * of its own. A server may send these before the arguments, and packages make `{}` of an input that
 * never came, so in an answer that was cut off they prove no call.
 */
export const isEmptyInput = (text: string): boolean => /^[\s"]*(?:\{\s*\}|null)?[\s"]*$/.test(text)
