-- Puts a session into the index of an instance.
-- KEYS noted
-- ARGV keptMs session
-- RETURNS done

redis.call('SADD', key.noted, arg.session)
redis.call('PEXPIRE', key.noted, arg.keptMs)
return returns({ done = true })
