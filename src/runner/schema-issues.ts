/** The errors of a schema as text, from which a model corrects its value. */
import { errorMessage } from '../ground/error.ts'

/** The issues of a Standard Schema or zod error, one per line, for the model to correct its input. */
export function issuesOf(error: Error): string {
  const issueList = [error, error.cause].map(listOfIssues).find((issues) => issues !== undefined)
  const issues = issueList?.filter(isIssue) ?? []
  if (issues.length === 0) return errorMessage(error)
  return issues.map(({ path, message }) => `${pathOf(path)}${message}`).join('\n')
}

/** zod's error holds a list. For any other Standard Schema the AI SDK passes the list itself. */
function listOfIssues(source: unknown): unknown[] | undefined {
  if (Array.isArray(source)) return source
  if (typeof source !== 'object' || source === null || !('issues' in source)) return undefined
  return Array.isArray(source.issues) ? source.issues : undefined
}

interface Issue {
  message: string
  path?: readonly unknown[]
}

const isIssue = (issue: unknown): issue is Issue =>
  typeof issue === 'object' &&
  issue !== null &&
  'message' in issue &&
  typeof issue.message === 'string'

function pathOf(path: readonly unknown[] | undefined): string {
  if (!Array.isArray(path) || path.length === 0) return ''
  const keys = path.map((step: unknown) =>
    typeof step === 'object' && step !== null && 'key' in step ? step.key : step,
  )
  return `${keys.map(String).join('.')}: `
}
