/** The summary of the first part of a history, for the prompts of a model. The history does not change. */
export interface Summary {
  /** The text of the summary. */
  text: string
  /** The id of the last message that the summary replaces. */
  through: string
  /** The estimated length, in tokens. */
  tokens: number
}
