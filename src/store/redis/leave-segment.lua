-- Notes that a session no longer shares a segment. The last session removes the segment. A session whose time in
-- `sharers` has passed counts as expired.
-- KEYS segment sharers
-- ARGV id
-- RETURNS done
-- USES clock

redis.call('ZREM', key.sharers, arg.id)
redis.call('ZREMRANGEBYSCORE', key.sharers, '-inf', string.format('%.0f', now()))
local done = redis.call('EXISTS', key.sharers) == 0
if done then redis.call('UNLINK', key.segment) end
return returns({ done = done })
