/** One call that both sides make, in the same files. */
export type ToolName = 'read_file' | 'write_file' | 'edit_file' | 'grep' | 'glob' | 'bash'

/** What came of a call, without the words that it is told in. */
export type Answer =
  | 'refused'
  | 'done'
  | {
      lines: string[]
      /** More is there than is shown. */
      hasMore?: boolean
      /** Where to read on. */
      next?: number
      /** Of a command that failed. */
      code?: number
    }

export interface Case {
  name: string
  tool: ToolName
  files?: Record<string, string | Uint8Array>
  /** Symbolic links, by where they are. */
  links?: Record<string, string>
  input: {
    edits?: { old: string; new: string }[]
    ignore_case?: boolean
    [name: string]: unknown
  }
  /** Why the two are meant to differ. A case that says so fails when they don't. */
  differs?: string
}
