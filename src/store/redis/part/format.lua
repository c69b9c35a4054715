-- The formats of a session: `format.ts` has the same numbers. A session with messages in a segment has the second one.

local format, sharedFormat = '1', '2'

local function formatOf()
  return redis.call('HEXISTS', key.session, 'shared') == 1 and sharedFormat or format
end
