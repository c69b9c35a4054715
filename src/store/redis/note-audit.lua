-- Stores an event of a tenant. The oldest events go, exactly, so that a bound of an operator holds.
-- KEYS audit
-- ARGV keptMs auditMax event
-- RETURNS done

redis.call('XADD', key.audit, 'MAXLEN', arg.auditMax, '*', 'event', arg.event)
redis.call('PEXPIRE', key.audit, arg.keptMs)
return returns({ done = true })
