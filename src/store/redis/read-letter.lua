-- Where a letter is that was posted: `as` is '' where nothing is known of it.
-- KEYS session mail letters known
-- ARGV id
-- RETURNS as replyId
-- USES letter

local queued = redis.call('HGET', key.letters, arg.id)
if queued then return returns({ as = 'queued', replyId = opened(queued).replyId }) end
local value = redis.call('HGET', key.known, arg.id)
if not value then return returns({}) end
local names = { d = 'done', w = 'withdrawn', c = 'cut' }
-- As `part/known.lua` keeps it.
local flag, replyId = string.match(value, '^(%l)([^\n]*)')
return returns({ as = names[flag], replyId = replyId })
