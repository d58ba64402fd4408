using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Processes;

/// <summary>A filter on system calls as the OCI runtime specification has it (linux.seccomp): which answer a call gets
/// by its name and arguments.</summary>
/// <param name="Usual">for calls of which no rule speaks</param>
/// <param name="Rules">in their order; where a call has one without conditions, that one alone counts. One with the
/// usual answer has no effect but that the call, and all that are older, count as known to the profile's author</param>
public sealed record CallProfile(CallAnswer Usual, IReadOnlyList<CallRule> Rules);

/// <summary>What becomes of a call.</summary>
/// <param name="Name">as in man 2; one that this processor does not have, or nobody knows, has no effect</param>
/// <param name="Answer">where all of the conditions hold</param>
/// <param name="Conditions">on its arguments</param>
public sealed record CallRule(string Name, CallAnswer Answer, IReadOnlyList<CallCondition> Conditions);

/// <summary>A comparison of the whole register.</summary>
/// <param name="Argument">which argument, from 0 to 5</param>
/// <param name="Test">how</param>
/// <param name="Value">with what; of <see cref="CallTest.Masked"/> the bits to look at</param>
/// <param name="Masked">what these bits must be</param>
public readonly record struct CallCondition(int Argument, CallTest Test, ulong Value, ulong Masked);

/// <summary>How an argument is compared.</summary>
public enum CallTest
{
    /// <summary>the same</summary>
    Equal,
    /// <summary>another</summary>
    NotEqual,
    /// <summary>less, without a sign</summary>
    Less,
    /// <summary>less or the same</summary>
    LessOrEqual,
    /// <summary>more</summary>
    Greater,
    /// <summary>more or the same</summary>
    GreaterOrEqual,
    /// <summary>some of its bits</summary>
    Masked,
}

/// <summary>What the kernel does about a call: a return value of seccomp(2).</summary>
public readonly record struct CallAnswer
{
    private readonly uint _value;

    private CallAnswer(uint value) => _value = value;

    /// <summary>it goes on</summary>
    public static CallAnswer Allow { get; } = new(Libc.SECCOMP_RET_ALLOW);

    /// <summary>it goes on, and the kernel's log says so</summary>
    public static CallAnswer Log { get; } = new(Libc.SECCOMP_RET_LOG);

    /// <summary>the thread gets SIGSYS</summary>
    public static CallAnswer Trap { get; } = new(Libc.SECCOMP_RET_TRAP);

    /// <summary>the thread ends</summary>
    public static CallAnswer KillThread { get; } = new(Libc.SECCOMP_RET_KILL_THREAD);

    /// <summary>the process ends</summary>
    public static CallAnswer KillProcess { get; } = new(Libc.SECCOMP_RET_KILL_PROCESS);

    /// <summary>it fails</summary>
    /// <param name="errno">its lower 12 bits, as the kernel takes them</param>
    public static CallAnswer Fail(uint errno) => new(Libc.SECCOMP_RET_ERRNO | (errno & 0xfff));

    /// <summary>a tracer decides; where there is none the call does not exist</summary>
    /// <param name="message">for it</param>
    public static CallAnswer Trace(uint message) => new(Libc.SECCOMP_RET_TRACE | (message & 0xffff));

    internal uint Value => _value;

    // A tracer is to see all calls, also those that are newer than the profile.
    internal bool LetsGo => this == Allow || this == Log || (_value & 0xffff0000) == Libc.SECCOMP_RET_TRACE;
}

/// <summary>A profile that cannot be a filter.</summary>
public sealed class CallProfileException(string message) : Exception(message);
