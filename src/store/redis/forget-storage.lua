-- Removes sessions from what an owner stores.
-- KEYS sessions bytes
-- ARGV ids...
-- RETURNS removed
-- USES clock storage

local removed = 0
for _, id in ipairs(arg.ids) do removed = removed + drop(id) end
return returns({ removed = removed })
