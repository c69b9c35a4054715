-- The spending of a tree. Each session has the sums of its finished messages (`spent...`) and the spending of its
-- unfinished one (`unfinishedSpent`, JSON). `taskSpent` of the root has both together for each task, and
-- `tree...` in the session of the root is the sum over the tasks, also over those that were removed since.

local amountNames = { 'Input', 'Output', 'Cached', 'Reasoning', 'Usd', 'Unknown' }

-- Returns the amounts of a stored spending by name.
local function amountsIn(json)
  if not json or json == '' then
    return { Input = 0, Output = 0, Cached = 0, Reasoning = 0, Usd = 0, Unknown = 0 }
  end
  local spent = cjson.decode(json)
  return { Input = spent.usage.inputTokens, Output = spent.usage.outputTokens,
    Cached = spent.usage.cachedInputTokens, Reasoning = spent.usage.reasoningTokens,
    Usd = spent.usd, Unknown = spent.isCostKnown and 0 or 1 }
end

-- Returns the amounts whose fields in the hash of a session begin with `prefix`.
local function amountsOf(session, prefix)
  local amounts = {}
  for _, name in ipairs(amountNames) do
    amounts[name] = tonumber(redis.call('HGET', session, prefix .. name) or '') or 0
  end
  return amounts
end

local function add(amounts, others, factor)
  for _, name in ipairs(amountNames) do amounts[name] = amounts[name] + others[name] * factor end
  return amounts
end

local function exact(amount)
  return string.format('%.17g', amount)
end
