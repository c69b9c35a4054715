-- Returns a part of the history, without the unfinished answer, which a reader gets from its log.
-- KEYS session history messages
-- ARGV limit before
-- RETURNS found earlier shared messages...
-- USES stored

local state, logId, shared =
  unpack(redis.call('HMGET', key.session, 'state', 'logId', 'shared'))
local stop = redis.call('LLEN', key.history)
local unfinished = state ~= 'idle' and logId or nil
if arg.before ~= '' and arg.before ~= unfinished then
  local at = redis.call('LPOS', key.history, arg.before, 'RANK', -1)
  if not at then
    return returns({ found = false, earlier = false, messages = {} })
  end
  stop = at
elseif unfinished and redis.call('LINDEX', key.history, -1) == unfinished then
  stop = stop - 1
end
local start = math.max(stop - tonumber(arg.limit), 0)
local messages = {}
if stop > 0 then
  for _, id in ipairs(redis.call('LRANGE', key.history, start, stop - 1)) do
    table.insert(messages, stored(key.messages, id, id))
  end
end
return returns({ found = true, earlier = start > 0, shared = shared, messages = messages })
