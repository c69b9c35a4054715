-- Puts a session into the index of an instance.
-- KEYS noted
-- ARGV sessionTtlMs session
-- RETURNS done

redis.call('SADD', key.noted, arg.session)
redis.call('PEXPIRE', key.noted, arg.sessionTtlMs)
return returns({ done = true })
