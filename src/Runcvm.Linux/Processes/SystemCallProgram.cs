using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Processes;

/// <summary>Writes the program of a <see cref="SystemCallFilter"/>: classic BPF, a binary search over ranges of
/// numbers, then the conditions of the calls that have any. Linux 5.11 and newer run it once for each number and
/// remember what it always allows, so the search matters to older ones and to calls with conditions.</summary>
internal sealed class SystemCallProgram
{
    // struct sock_filter: u16 code, u8 jump if true, u8 jump if false, u32 operand
    internal const int InstructionSize = 8;

    // In struct seccomp_data, which the program reads.
    internal const int NumberOffset = 0;
    internal const int ArchitectureOffset = 4;
    internal const int FirstArgumentOffset = 16;

    private readonly FilterInstructions _instructions = new();
    private readonly List<(int At, SystemCallRule Rule)> _conditions = [];

    // From this number on, up to the next range.
    private readonly record struct Range(uint First, SystemCallRule? Rule, Errno Error);

    internal static byte[] Build(SystemCallList list, bool arm64)
    {
        var program = new SystemCallProgram();
        program._instructions.Load(ArchitectureOffset);
        program._instructions.Compare(arm64 ? Libc.AUDIT_ARCH_AARCH64 : Libc.AUDIT_ARCH_X86_64, whenTrue: 1);
        program._instructions.Return(Libc.SECCOMP_RET_KILL_PROCESS);
        program._instructions.Load(NumberOffset);
        program.Search([.. Ranges(list, arm64)]);
        program.WriteConditions();
        return program._instructions.ToBytes();
    }

    private static List<Range> Ranges(SystemCallList list, bool arm64)
    {
        Dictionary<string, int> numbers = SystemCallTable.For(arm64);
        var ranges = new List<Range> { new(0, null, Errno.EPERM) };
        IEnumerable<(uint, SystemCallRule)> calls = list.Rules
            .Select(rule => (Number: NumberOf(numbers, rule.Name), Rule: rule))
            .Where(static call => call.Number >= 0)
            .Select(static call => ((uint)call.Number, call.Rule))
            .OrderBy(static call => call.Item1);
        foreach ((uint number, SystemCallRule rule) in calls)
        {
            Range here = new(number, rule.Arguments.Count > 0 ? rule : null, rule.Error);
            if (ranges[^1].First == number) ranges.RemoveAt(ranges.Count - 1);
            if (ranges.Count == 0 || !SameAnswer(ranges[^1], here)) ranges.Add(here);
            ranges.Add(new Range(number + 1, null, Errno.EPERM));
        }

        // The bit of the x32 ABI is far above.
        if (ranges[^1].First > SystemCallTable.LastKnown) ranges.RemoveAt(ranges.Count - 1);
        ranges.Add(new Range(SystemCallTable.LastKnown + 1, null, Errno.ENOSYS));
        return ranges;
    }

    private static int NumberOf(Dictionary<string, int> numbers, string name)
        => numbers.TryGetValue(name, out int number)
            ? number
            : throw new InvalidOperationException($"no number of {name} is known");

    private static bool SameAnswer(Range a, Range b) => a.Rule == null && b.Rule == null && a.Error == b.Error;

    private void Search(ReadOnlySpan<Range> ranges)
    {
        if (ranges.Length == 1)
        {
            Answer(ranges[0]);
            return;
        }

        int middle = ranges.Length / 2;
        // Each range is one instruction, and each choice between two another.
        int lower = (2 * middle) - 1;
        if (lower > byte.MaxValue) throw new InvalidOperationException("the list of calls is too long for one search");
        _instructions.Add(Libc.BPF_JMP | Libc.BPF_JGE | Libc.BPF_K, ranges[middle].First, whenTrue: lower);
        Search(ranges[..middle]);
        Search(ranges[middle..]);
    }

    private void Answer(Range range)
    {
        if (range.Rule == null)
        {
            _instructions.Return(
                range.Error == Errno.None ? Libc.SECCOMP_RET_ALLOW : Libc.SECCOMP_RET_ERRNO | (uint)range.Error);
            return;
        }

        _conditions.Add((_instructions.Count, range.Rule));
        _instructions.Jump();
    }

    private void WriteConditions()
    {
        foreach ((int at, SystemCallRule rule) in _conditions)
        {
            _instructions.Land(at);
            foreach (ArgumentRule argument in rule.Arguments) WriteCondition(argument);
            _instructions.Return(Libc.SECCOMP_RET_ALLOW);
        }
    }

    // Ends with the refusal, which is passed over if the condition holds.
    private void WriteCondition(ArgumentRule rule)
    {
        _instructions.Load(FirstArgumentOffset + (8 * rule.Argument));
        IReadOnlyList<uint> values = rule.Values;
        switch (rule.Test)
        {
            case ArgumentTest.OneOf:
                for (int i = 0; i < values.Count; i++) _instructions.Compare(values[i], whenTrue: values.Count - i);
                break;
            case ArgumentTest.NoneOf:
                for (int i = 0; i < values.Count; i++) _instructions.Compare(values[i], whenTrue: values.Count - i);
                _instructions.Add(Libc.BPF_JMP | Libc.BPF_JA, 1);
                break;
            case ArgumentTest.WithoutBits:
                _instructions.Add(Libc.BPF_JMP | Libc.BPF_JSET | Libc.BPF_K, values[0], whenFalse: 1);
                break;
            case ArgumentTest.NotAllBits:
                _instructions.Add(Libc.BPF_ALU | Libc.BPF_AND | Libc.BPF_K, values[0]);
                _instructions.Add(Libc.BPF_JMP | Libc.BPF_JEQ | Libc.BPF_K, values[0], whenFalse: 1);
                break;
            default:
                throw new InvalidOperationException($"no test {rule.Test}");
        }

        _instructions.Return(Libc.SECCOMP_RET_ERRNO | (uint)Errno.EPERM);
    }
}
