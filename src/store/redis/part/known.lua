-- Ids stay known after what they named is gone, so that nothing posted twice comes back. Kept as a
-- flag (d done, w withdrawn, c cut) before the id of the reply, and behind a line end the digest of what
-- was posted under the id, if it has one; the oldest are dropped.

-- Returns flag, replyId and digest; nil where the id is not known.
local function recall(id)
  return string.match(redis.call('HGET', key.known, id) or '', '^(%l)([^\n]*)\n?(.*)$')
end

-- A digest that is known stays known.
local function know(id, flag, replyId, digest)
  if not digest or digest == '' then digest = select(3, recall(id)) end
  local value = flag .. replyId
  if digest and digest ~= '' then value = value .. '\n' .. digest end
  if redis.call('HSET', key.known, id, value) == 0 then return end
  redis.call('RPUSH', key.order, id)
  if redis.call('LLEN', key.order) > tonumber(arg.knownMax) then
    redis.call('HDEL', key.known, redis.call('LPOP', key.order))
  end
end

local function bury(id, flag)
  local _, replyId = recall(id)
  know(id, flag, replyId or '')
end
