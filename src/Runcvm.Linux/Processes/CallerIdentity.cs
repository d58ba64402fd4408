using Runcvm.Linux.Interop;

namespace Runcvm.Linux.Processes;

/// <summary>Files used in another user's name, by a process that may not pass over owners and modes: setfsuid(2), of a
/// thread.</summary>
public static class CallerIdentity
{
    /// <summary>Lets root's threads act for one user besides, without CAP_SETUID: its ids become their real ones,
    /// root's stay the effective and
    /// the saved ones. Needs CAP_SETUID and CAP_SETGID. Called while the runtime's finalizer thread is the only other
    /// one.</summary>
    /// <param name="user">whose name may be taken</param>
    /// <param name="group">its group</param>
    /// <param name="groups">further groups, of root's threads too</param>
    /// <param name="kept">all the capabilities that are left; with CAP_SETUID and CAP_SETGID everybody's name may be
    /// taken</param>
    public static void Allow(uint user, uint group, IReadOnlyList<uint> groups, CapabilitySet kept)
    {
        int threads = 0;
        FinalizerThread.Run(AllowHere);
        AllowHere();
        if (threads != 2) throw new LinuxException(Errno.EPERM, "change the identity of the runtime's own thread");

        void AllowHere()
        {
            AllowThread(user, group, [.. groups]);
            CapabilitySet.Apply(kept, kept, kept);
            Interlocked.Increment(ref threads);
        }
    }

    /// <summary>setfsgid(2) and setfsuid(2) of this thread. Ids that it may not take leave it as it is, which the
    /// kernel does not tell.</summary>
    public static void Take(uint user, uint group)
    {
        _ = Libc.syscall(SystemCallNumber.Here.setfsgid, (nint)group);
        _ = Libc.syscall(SystemCallNumber.Here.setfsuid, (nint)user);
    }

    private static unsafe void AllowThread(uint user, uint group, uint[] groups)
    {
        // Raw calls act on this thread only.
        fixed (uint* list = groups)
            SystemCall.Check(Libc.syscall(SystemCallNumber.Here.setgroups, groups.Length, (nint)list), $"set supplementary groups");
        SystemCall.Check(Libc.syscall(SystemCallNumber.Here.setresgid, (nint)group, 0, 0), $"allow group {group}");
        SystemCall.Check(Libc.syscall(SystemCallNumber.Here.setresuid, (nint)user, 0, 0), $"allow user {user}");
    }
}
