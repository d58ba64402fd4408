using static Runcvm.SystemTests.Jail.SystemCallNumber;

namespace Runcvm.SystemTests.Jail;

/// <summary>What mounts and users leave open to a hypervisor, and Landlock refuses.</summary>
internal static class LandlockAttempts
{
    private const int Folder = 0x90000;
    private const int ReadOnly = 0x80000;
    private const int RemoveFolder = 0x200;
    private const string Place = "/run/hypervisor/jail-test";
    private const int Files = 1, OrdersToDevices = 5;

    // RNDGETENTCNT, which everybody may ask elsewhere.
    private const uint HowMuchEntropy = 0x80045200;

    // No address of arguments. What may be run is looked at first, and the process goes on.
    private const int Nowhere = 1;

    internal static IEnumerable<Attempt> All { get; } =
    [
        Open("list its root folder", "/", Folder), Open("list its devices", "/dev", Folder),
        Open("list the folder of its kernel", "/boot", Folder), Open("read RunCVM's program", "/runcvm", ReadOnly),
        new("run RunCVM's program", Who.Hypervisor, static at => at.CallAsync(execve, "/runcvm", Nowhere, 0))
        {
            Landlock = Files,
        },
        new("ask a device", Who.Hypervisor, static at => AskAsync(at)) { Landlock = OrdersToDevices },
        // Firecracker's folder is its own user's.
        new("make a folder among its sockets", Who.Hypervisor,
            static at => UndoneAsync(at, RemoveFolder, mkdir, Place, 0x1c0)) { Landlock = Files },
        new("make a link among its sockets", Who.Hypervisor,
            static at => UndoneAsync(at, 0, symlinkat, "/", Injector.CurrentFolder, Place)) { Landlock = Files },
    ];

    /// <summary>The version that the sandbox's processes can use, 0 for none.</summary>
    internal static async Task<int> VersionAsync(Injector root)
        => (int)Math.Max(0, (await root.CallAsync(landlock_create_ruleset, 0, 0, 1)).Value);

    private static Attempt Open(string what, string path, int flags)
        => new(what, Who.Hypervisor, at => FileAttempts.OpenAsync(at, path, flags)) { Landlock = Files };

    private static async Task<Answer> UndoneAsync(
        Injector at, int how, SystemCallNumber number, params object[] arguments)
    {
        Answer answer = await at.CallAsync(number, arguments);
        if (answer.Worked) await at.CallAsync(unlinkat, Injector.CurrentFolder, Place, how);
        return answer;
    }

    private static async Task<Answer> AskAsync(Injector at)
    {
        Answer device = await at.CallAsync(openat, Injector.CurrentFolder, "/dev/urandom", ReadOnly, 0);
        if (!device.Worked) return device;
        Answer answer = await at.CallAsync(ioctl, device.Value, HowMuchEntropy, new byte[4]);
        await at.CallAsync(close, device.Value);
        return answer;
    }
}
