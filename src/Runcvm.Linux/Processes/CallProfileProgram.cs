using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Processes;

/// <summary>Writes the program of a <see cref="CallProfile"/>: classic BPF, a binary search over ranges of numbers,
/// then the conditions of the calls that have any.</summary>
internal sealed class CallProfileProgram
{
    // The x32 ABI of x86-64 has its numbers from here on, and a call that a tracer skips the highest of all.
    private const uint OtherNumbers = 0x40000000;

    private readonly FilterInstructions _program = new();
    private readonly List<(int At, CallChoice Choice)> _conditions = [];

    // From this number on, up to the next range.
    private readonly record struct Range(uint First, CallChoice Choice);

    // What a call gets where none of the rules' conditions holds.
    private sealed record CallChoice(CallAnswer Answer, IReadOnlyList<CallRule> Rules)
    {
        internal bool IsSame(CallChoice other) => Rules.Count == 0 && other.Rules.Count == 0 && Answer == other.Answer;
    }

    internal static byte[] Build(CallProfile profile, bool arm64)
    {
        var filter = new CallProfileProgram();
        FilterInstructions program = filter._program;
        program.Load(SystemCallProgram.ArchitectureOffset);
        program.Compare(arm64 ? Libc.AUDIT_ARCH_AARCH64 : Libc.AUDIT_ARCH_X86_64, whenTrue: 1);
        program.Return(Libc.SECCOMP_RET_KILL_PROCESS);
        program.Load(SystemCallProgram.NumberOffset);
        filter.Search([.. Ranges(profile, arm64)]);
        filter.WriteConditions();
        return program.Count <= Libc.BPF_MAXINSNS ? program.ToBytes()
            : throw new CallProfileException(
                $"takes {program.Count} instructions, and the kernel {Libc.BPF_MAXINSNS} at most");
    }

    private static List<Range> Ranges(CallProfile profile, bool arm64)
    {
        IReadOnlyDictionary<string, int> numbers = ProfileCallTable.For(arm64);
        var usual = new CallChoice(profile.Usual, []);
        var ranges = new List<Range> { new(0, usual) };
        uint last = 0;
        IEnumerable<IGrouping<int, CallRule>> calls = profile.Rules
            .Where(rule => numbers.GetValueOrDefault(rule.Name, -1) >= 0)
            .GroupBy(rule => numbers[rule.Name])
            .OrderBy(static call => call.Key);
        foreach (IGrouping<int, CallRule> call in calls)
        {
            last = (uint)call.Key;
            Add(ranges, last, ChoiceOf(call, profile.Usual));
            Add(ranges, last + 1, usual);
        }

        // What is newer than the profile does not exist, so that C libraries fall back to what they used before; so
        // does runc. Numbers of another ABI would pass by rules that speak of this one.
        var absent = new CallChoice(CallAnswer.Fail((uint)Errno.ENOSYS), []);
        if (!profile.Usual.LetsGo && last > 0) Add(ranges, last + 1, absent);
        Add(ranges, OtherNumbers, absent);
        return ranges;
    }

    private static CallChoice ChoiceOf(IEnumerable<CallRule> rules, CallAnswer usual)
    {
        // As with runc, a rule with the usual answer says only that its author knew the call.
        CallRule[] all = [.. rules.Where(rule => rule.Answer != usual)];
        CallRule? always = Array.Find(all, static rule => rule.Conditions.Count == 0);
        // As libseccomp has it: a rule without conditions is the whole answer.
        return always != null ? new CallChoice(always.Answer, []) : new CallChoice(usual, all);
    }

    private static void Add(List<Range> ranges, uint first, CallChoice choice)
    {
        if (ranges[^1].First == first) ranges.RemoveAt(ranges.Count - 1);
        if (ranges.Count == 0 || !ranges[^1].Choice.IsSame(choice)) ranges.Add(new Range(first, choice));
    }

    private void Search(ReadOnlySpan<Range> ranges)
    {
        if (ranges.Length == 1)
        {
            Answer(ranges[0].Choice);
            return;
        }

        int middle = ranges.Length / 2;
        int jump = _program.Count;
        _program.AddFarJump(Libc.BPF_JGE, ranges[middle].First);
        Search(ranges[..middle]);
        _program.LandFarJump(jump);
        Search(ranges[middle..]);
    }

    private void Answer(CallChoice choice)
    {
        if (choice.Rules.Count == 0)
        {
            _program.Return(choice.Answer.Value);
            return;
        }

        _conditions.Add((_program.Count, choice));
        _program.Jump();
    }

    private void WriteConditions()
    {
        foreach ((int at, CallChoice choice) in _conditions)
        {
            _program.Land(at);
            foreach (CallRule rule in choice.Rules)
            {
                int[] misses = [.. rule.Conditions.Select(WriteCondition)];
                _program.Return(rule.Answer.Value);
                foreach (int miss in misses) _program.Land(miss);
            }

            _program.Return(choice.Answer.Value);
        }
    }

    // Goes on where the condition holds.
    // Returns: the jump that is taken where it does not
    private int WriteCondition(CallCondition condition)
    {
        (uint high, uint low) = Halves(condition.Value);
        int lower = SystemCallProgram.FirstArgumentOffset + (8 * condition.Argument);
        int upper = lower + 4;
        switch (condition.Test)
        {
            case CallTest.Equal:
                Both(upper, high, lower, low);
                break;
            case CallTest.NotEqual:
                _program.Load(upper);
                _program.Add(Libc.BPF_JMP | Libc.BPF_JEQ | Libc.BPF_K, high, whenFalse: 3);
                _program.Load(lower);
                _program.Add(Libc.BPF_JMP | Libc.BPF_JEQ | Libc.BPF_K, low, whenFalse: 1);
                break;
            case CallTest.Greater or CallTest.GreaterOrEqual:
                int atLeast = condition.Test == CallTest.Greater ? Libc.BPF_JGT : Libc.BPF_JGE;
                _program.Load(upper);
                _program.Add(Libc.BPF_JMP | Libc.BPF_JGT | Libc.BPF_K, high, whenTrue: 4);
                _program.Add(Libc.BPF_JMP | Libc.BPF_JEQ | Libc.BPF_K, high, whenFalse: 2);
                _program.Load(lower);
                _program.Add(Libc.BPF_JMP | atLeast | Libc.BPF_K, low, whenTrue: 1);
                break;
            case CallTest.Less or CallTest.LessOrEqual:
                int tooMuch = condition.Test == CallTest.Less ? Libc.BPF_JGE : Libc.BPF_JGT;
                _program.Load(upper);
                _program.Add(Libc.BPF_JMP | Libc.BPF_JGT | Libc.BPF_K, high, whenTrue: 3);
                _program.Add(Libc.BPF_JMP | Libc.BPF_JEQ | Libc.BPF_K, high, whenFalse: 3);
                _program.Load(lower);
                _program.Add(Libc.BPF_JMP | tooMuch | Libc.BPF_K, low, whenFalse: 1);
                break;
            case CallTest.Masked:
                (uint highBits, uint lowBits) = Halves(condition.Masked & condition.Value);
                _program.Load(upper);
                _program.Add(Libc.BPF_ALU | Libc.BPF_AND | Libc.BPF_K, high);
                _program.Add(Libc.BPF_JMP | Libc.BPF_JEQ | Libc.BPF_K, highBits, whenFalse: 3);
                _program.Load(lower);
                _program.Add(Libc.BPF_ALU | Libc.BPF_AND | Libc.BPF_K, low);
                _program.Compare(lowBits, whenTrue: 1);
                break;
            default:
                throw new InvalidOperationException($"no test {condition.Test}");
        }

        return _program.Jump();
    }

    private void Both(int upper, uint high, int lower, uint low)
    {
        _program.Load(upper);
        _program.Add(Libc.BPF_JMP | Libc.BPF_JEQ | Libc.BPF_K, high, whenFalse: 2);
        _program.Load(lower);
        _program.Compare(low, whenTrue: 1);
    }

    private static (uint High, uint Low) Halves(ulong value) => ((uint)(value >> 32), (uint)value);
}
