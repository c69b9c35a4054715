/** Failed spans. They have no text, because the text of an error may repeat what a user wrote. */
import { type Span, SpanStatusCode } from '@opentelemetry/api'

/** The value of the conventions for an error without a class. */
const other = '_OTHER'

export function markFailed(span: Span, type: string = other): void {
  span.setAttribute('error.type', type)
  span.setStatus({ code: SpanStatusCode.ERROR })
}
