/** "Ask me which colour I like: red or blue" as the input of a tool that asks the human. */
import type { JSONObject } from '@ai-sdk/provider'

const askPattern =
  /\bask (?:me|a human|the human)\b|\b(?:ask|give|pose|use)\b[^.?!]{0,30}\bquestion\b|^\W*(?:a )?question\W*$|\b(?:use|call) (?:the )?human\b/i

/** The question to ask, with its options where the message lists some; null where none is wanted. */
export function questionIn(text: string): JSONObject | null {
  const match = askPattern.exec(text)
  if (match === null) return null
  const rest = text.slice(match.index + match[0].length).replace(leadPattern, '')
  const colon = rest.indexOf(':')
  const subject = colon < 0 ? rest : rest.slice(0, colon)
  const options = listed(colon < 0 ? choicesAtEnd(rest) : rest.slice(colon + 1))
  if (!/\p{L}/u.test(subject)) return openQuestion
  return { question: asQuestion(subject), ...(options.length > 1 && { options }) }
}

const openQuestion: JSONObject = {
  question: 'What shall we try next?',
  options: ['Some arithmetic', 'The time in Tokyo', 'Some research'],
  default: 'Some arithmetic',
}

const leadPattern = /^\W*(?:(?:a question|something|question|about|for)\b\W*)*/i

/** "coffee, tea or water" of "whether I want coffee, tea or water". */
const choicesAtEnd = (text: string): string =>
  /(?:[\p{L}\d-]+, )*[\p{L}\d-]+,? or [\p{L}\d-]+(?=\W*$)/u.exec(text)?.[0] ?? ''

/** The items of "red, green or blue". */
function listed(text: string): string[] {
  const items = text
    .split(/,\s*(?:or\s+|and\s+)?|\s+or\s+/)
    .map((item) => item.replace(/[\s.?!]+$/, '').trim())
  return items.filter((item) => item !== '').slice(0, 12)
}

/** From the user's mouth to the asker's: "which colour I like" is "Which colour do you like?". */
function asQuestion(subject: string): string {
  const turned = subject
    .trim()
    .replace(/[\s.?!]+$/, '')
    .replace(/^(?:if|whether) I am\b/i, 'are you')
    .replace(/^(?:if|whether) I\b/i, 'do you')
    .replace(/\bI am\b|\bI'm\b/g, 'are you')
    .replace(/\bI (want|like|prefer|need|think|live|have|do|work|mean)\b/g, 'do you $1')
    .replace(/\bI\b|\bme\b/g, 'you')
    .replace(/\bmy\b/gi, 'your')
    .replace(/\bmine\b/gi, 'yours')
    .replace(/^(wh\w+|how) (your .+) (is|are|was|were)$/i, '$1 $3 $2')
  const question =
    /^(?:who|what|which|when|where|why|how|do|does|are|is|can|should|would|will)\b/i.test(turned)
      ? turned
      : `What about ${turned}`
  return `${question.charAt(0).toUpperCase()}${question.slice(1)}?`
}
