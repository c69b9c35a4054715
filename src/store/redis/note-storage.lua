-- Notes what a session of an owner stores. The amounts replace the earlier ones, so the next note corrects a lost one.
-- KEYS sessions bytes
-- ARGV id bytes ttlMs
-- RETURNS done
-- USES clock storage

dropExpired()
keepSize(arg.id, arg.bytes, arg.ttlMs)
return returns({ done = true })
