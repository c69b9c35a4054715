/** One call that both sides make, with the same files. */
export type ToolName = 'read_file' | 'write_file' | 'edit_file' | 'grep' | 'glob' | 'bash'

/** The outcome of a call, without its wording. */
export type Answer =
  | 'refused'
  | 'done'
  | {
      lines: string[]
      /** True if there are more lines than the answer shows. */
      hasMore?: boolean
      /** The line at which the next call continues. */
      next?: number
      /** The exit code of a command that failed. */
      code?: number
    }

export interface Case {
  name: string
  tool: ToolName
  files?: Record<string, string | Uint8Array>
  /** Symbolic links: each target by the path of its link. */
  links?: Record<string, string>
  input: {
    edits?: { old: string; new: string }[]
    ignore_case?: boolean
    [name: string]: unknown
  }
  /** The reason for an intended difference. A case with a reason fails if there is no difference. */
  differs?: string
}
