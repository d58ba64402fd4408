using System.Runtime.ExceptionServices;
using Runcvm.Linux;
using Runcvm.Linux.Interop;
using Runcvm.Linux.Processes;

namespace Runcvm.Tests.Processes;

/// <summary>What the kernel makes of the program of a profile. The call that is looked at takes no argument, so that
/// any may be given.</summary>
public class CallProfileTests
{
    private const string Looked = "getppid";
    private const ulong Middle = 0x1_0000_0005;

    private static readonly bool Arm64 = SystemCallNumber.Here.seccomp != 317;

    public static TheoryData<CallTest> Tests => [.. Enum.GetValues<CallTest>()];

    [Theory]
    [MemberData(nameof(Tests))]
    public void Comparisons_are_those_of_the_whole_register(CallTest test)
    {
        const ulong Mask = 0xf_0000_000f;
        ulong[] values =
        [
            0, 5, 6, 0xffff_ffff, 0x1_0000_0004, Middle, 0x1_0000_0006, 0x1_ffff_0005, 0x2_0000_0000, 0x2_0000_0005,
            ulong.MaxValue,
        ];
        CallCondition condition = test == CallTest.Masked ? new(1, test, Mask, Middle) : new(1, test, Middle, 0);
        Behind(new CallProfile(CallAnswer.Allow, [new CallRule(Looked, CallAnswer.Fail(7), [condition])]), () =>
        {
            foreach (ulong value in values)
            {
                bool holds = test switch
                {
                    CallTest.Equal => value == Middle,
                    CallTest.NotEqual => value != Middle,
                    CallTest.Less => value < Middle,
                    CallTest.LessOrEqual => value <= Middle,
                    CallTest.Greater => value > Middle,
                    CallTest.GreaterOrEqual => value >= Middle,
                    _ => (value & Mask) == Middle,
                };
                Assert.Equal((value, holds ? (Errno)7 : Errno.None), (value, Call(Looked, 0, (nint)value)));
            }
        });
    }

    [Fact]
    public void All_conditions_of_a_rule_must_hold_and_one_rule_of_several()
    {
        CallRule[] rules =
        [
            new(Looked, CallAnswer.Fail(7), [new(0, CallTest.Equal, 1, 0), new(5, CallTest.Equal, 2, 0)]),
            new(Looked, CallAnswer.Fail(8), [new(0, CallTest.Equal, 3, 0)]),
        ];
        Behind(new CallProfile(CallAnswer.Allow, rules), static () =>
        {
            Assert.Equal((Errno)7, Call(Looked, 1, 0, 2));
            Assert.Equal(Errno.None, Call(Looked, 1, 0, 3));
            Assert.Equal((Errno)8, Call(Looked, 3));
            Assert.Equal(Errno.None, Call(Looked));
        });
    }

    [Fact]
    public void A_rule_without_conditions_is_the_whole_answer_as_with_libseccomp()
    {
        CallRule[] rules =
        [
            new(Looked, CallAnswer.Allow, [new(0, CallTest.Equal, 1, 0)]),
            new(Looked, CallAnswer.Fail(9), []),
        ];
        Behind(new CallProfile(CallAnswer.Allow, rules), static () =>
        {
            Assert.Equal((Errno)9, Call(Looked, 1));
            Assert.Equal((Errno)9, Call(Looked, 2));
        });
    }

    [Fact]
    public void What_no_rule_names_gets_the_usual_answer_and_what_is_newer_does_not_exist()
    {
        // All but the one that is looked at, or .NET would not go on.
        CallRule[] rules = [.. ProfileCallTable.For(Arm64).Keys.Where(static name => name is not (Looked or "mseal"))
            .Select(static name => new CallRule(name, CallAnswer.Allow, []))];
        Behind(new CallProfile(CallAnswer.Fail((uint)Errno.EPERM), rules), static () =>
        {
            Assert.Equal(Errno.EPERM, Call(Looked));
            Assert.Equal(Errno.EPERM, Call("mseal"));
            Assert.Equal(Errno.ENOSYS, Result(Libc.syscall(500)));
        });
    }

    [Fact]
    public void A_rule_with_the_usual_answer_says_only_that_its_call_is_known()
    {
        IReadOnlyDictionary<string, int> numbers = ProfileCallTable.For(Arm64);
        CallAnswer usual = CallAnswer.Fail((uint)Errno.EPERM);
        CallRule[] rules =
        [
            .. numbers.Where(call => call.Value < numbers["mseal"])
                .Select(static call => new CallRule(call.Key, CallAnswer.Allow, [])),
            new(Looked, usual, []),
            new("mseal", usual, []),
        ];
        Behind(new CallProfile(usual, rules), () =>
        {
            Assert.Equal(Errno.None, Call(Looked));
            Assert.Equal(Errno.EPERM, Call("mseal"));
            Assert.Equal(Errno.ENOSYS, Result(Libc.syscall(numbers["mseal"] + 1)));
        });
    }

    [Fact]
    public void Calls_of_the_x32_abi_do_not_exist_whatever_the_usual_answer_is()
    {
        const int X32Bit = 0x40000000;
        Assert.SkipUnless(!Arm64, "only x86-64 has that ABI");
        Behind(new CallProfile(CallAnswer.Allow, []), static ()
            => Assert.Equal(Errno.ENOSYS, Result(Libc.syscall(X32Bit + 39))));
    }

    [Fact]
    public void Names_that_no_processor_has_say_nothing()
        => Behind(new CallProfile(CallAnswer.Allow, [new CallRule("no_such_call", CallAnswer.KillProcess, [])]),
            static () => Assert.Equal(Errno.None, Call(Looked)));

    [Fact]
    public void A_search_may_be_longer_than_a_jump()
    {
        // Every second one differs: as many ranges as there are calls.
        IReadOnlyDictionary<string, int> numbers = ProfileCallTable.For(Arm64);
        CallRule[] rules = [.. numbers.Where(static call => call.Value > 0 && call.Value % 2 == 0).Select(
            static call => new CallRule(call.Key, CallAnswer.Fail(7), [new(0, CallTest.Equal, 0xabcdef, 0)]))];
        Assert.True(rules.Length > 120);
        Behind(new CallProfile(CallAnswer.Allow, rules), () =>
        {
            foreach (string name in (string[])[Looked, "getpid", "gettid", "getuid", "geteuid", "getgid", "getegid"])
                Assert.Equal(numbers[name] % 2 == 0 ? (Errno)7 : Errno.None, Call(name, 0xabcdef));
        });
    }

    [Fact]
    public void A_profile_that_is_too_long_for_the_kernel_is_refused()
    {
        CallRule[] rules = [.. Enumerable.Range(0, 1000).Select(static number
            => new CallRule(Looked, CallAnswer.Allow, [new(0, CallTest.Equal, (ulong)number, 0)]))];
        Assert.Throws<CallProfileException>(
            () => SystemCallFilter.ProgramOf(new CallProfile(CallAnswer.Fail(1), rules), arm64: false));
    }

    // On a thread that ends with it, because nothing takes a filter away.
    private static void Behind(CallProfile profile, Action test)
    {
        Call("getpid");
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                CurrentProcess.SetNoNewPrivileges();
                SystemCallFilter.OfProgram(SystemCallFilter.ProgramOf(profile, Arm64)).InstallHere();
                test();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
    }

    private static Errno Call(string name, nint a = 0, nint b = 0, nint f = 0)
        => Result(Libc.syscall(ProfileCallTable.For(Arm64)[name], a, b, 0, 0, 0, f));

    private static Errno Result(nint result) => result == -1 ? SystemCall.LastError : Errno.None;
}
