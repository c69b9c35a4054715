-- Moves a session to the front of the list of its tenant. Scores are in microseconds, so that no two are
-- equal. The list is in another slot than the session, so it is only a hint, and readers check it.
-- KEYS index
-- ARGV sessionTtlMs indexMax session
-- RETURNS done

local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
redis.call('ZADD', key.index, string.format('%.0f', micros), arg.session)
redis.call('ZREMRANGEBYSCORE', key.index, 0, string.format('%.0f', micros - arg.sessionTtlMs * 1000))
redis.call('ZREMRANGEBYRANK', key.index, 0, -1 - arg.indexMax)
redis.call('PEXPIRE', key.index, arg.sessionTtlMs)
return returns({ done = true })
