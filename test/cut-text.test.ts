import { describe, expect, it } from 'vitest'

import { cutToBytes, cutToLength, shorten } from '../src/ground/cut-text.ts'

describe('a cut text', () => {
  it('keeps its last character whole', () => {
    expect(cutToLength('ab🙂c', 3)).toBe('ab')
    expect(cutToLength('ab🙂c', 4)).toBe('ab🙂')
    expect(cutToBytes('ab🙂c', 5)).toBe('ab')
    expect(cutToBytes('ab🙂c', 6)).toBe('ab🙂')
  })

  it('ends with an ellipsis if it was shortened', () => {
    expect(shorten('abcd', 4)).toBe('abcd')
    expect(shorten('abcde', 4)).toBe('abc…')
    expect(shorten('ab🙂cd', 4)).toBe('ab…')
  })
})
