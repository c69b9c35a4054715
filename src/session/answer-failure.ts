/** The error of a failed answer, from its event. */
import { errorStatus, LoomError, type LoomErrorCode } from '../ground/error.ts'

export function failureIn({ errorText, code }: { errorText: string; code?: string }): LoomError {
  return new LoomError(isErrorCode(code) ? code : 'model-failed', errorText)
}

/** Another version of Loom may have stored another code. */
const isErrorCode = (code: string | undefined): code is LoomErrorCode =>
  code !== undefined && Object.hasOwn(errorStatus, code)
