-- Ids stay known after what they named is gone, so that nothing posted twice comes back. Kept as a
-- flag (d done, w withdrawn, c cut) before the id of the reply; the oldest are dropped.

local function know(id, flag, replyId)
  if redis.call('HSET', key.known, id, flag .. replyId) == 0 then return end
  redis.call('RPUSH', key.order, id)
  if redis.call('LLEN', key.order) > tonumber(arg.knownMax) then
    redis.call('HDEL', key.known, redis.call('LPOP', key.order))
  end
end

local function bury(id, flag)
  local value = redis.call('HGET', key.known, id)
  know(id, flag, value and string.sub(value, 2) or '')
end
