using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;

namespace Runcvm.Tests.Fuse;

/// <summary>A folder of this machine, served by a <see cref="FileServer"/> and mounted by this machine's own kernel,
/// which so says whether the server is right.</summary>
internal sealed class MountedShare : IDisposable
{
    private const int Workers = 4;

    private readonly string _place;
    private readonly SafeFileHandle _device;
    private readonly Thread[] _workers;
    private readonly bool _ownsHost;

    private MountedShare(string? host, CachePolicy cache, bool readOnly, int sharers, NodeLimit limit)
    {
        _place = Directory.CreateTempSubdirectory("runcvm-fuse-").FullName;
        _ownsHost = host == null;
        Host = host ?? Path.Combine(_place, "host");
        Guest = Path.Combine(_place, "guest");
        if (_ownsHost) Directory.CreateDirectory(Host);
        Server = new FileServer(new SharedRoot(Host, readOnly), cache, limit, reply => FileDescriptor.WriteAll(_device!, reply.Span), sharers);
        if (Server.IsFolder) Directory.CreateDirectory(Guest);
        else File.WriteAllText(Guest, "");

        _device = FileDescriptor.Open("/dev/fuse", OpenFlags.ReadWrite);
        string mode = Server.IsFolder ? "40000" : "100000";
        MountPoint.Add(
            "runcvm", Guest, "fuse", readOnly ? MountFlags.ReadOnly : MountFlags.None,
            $"fd={_device.DangerousGetHandle()},rootmode={mode},user_id=0,group_id=0,default_permissions,allow_other,max_read={FileServer.MostData}");
        _workers = new Thread[Workers];
        for (int i = 0; i < Workers; i++)
        {
            _workers[i] = new Thread(Serve) { IsBackground = true, Name = $"share {i}" };
            _workers[i].Start();
        }
    }

    /// <summary>What is served.</summary>
    internal string Host { get; }

    /// <summary>Where it is mounted.</summary>
    internal string Guest { get; }

    internal FileServer Server { get; }

    internal static MountedShare Start(string? host = null, CachePolicy cache = CachePolicy.Auto, bool readOnly = false, int sharers = 1, NodeLimit? limit = null)
    {
        if (!CurrentProcess.IsRoot) Assert.Skip("mounting needs root");
        if (!File.Exists("/dev/fuse")) Assert.Skip("this kernel has no /dev/fuse");
        return new MountedShare(host, cache, readOnly, sharers, limit ?? new NodeLimit(long.MaxValue));
    }

    /// <summary>The kernel sends FUSE_RELEASE some time after close(2) has returned.</summary>
    internal void UntilAllIsClosed()
        => Assert.True(SpinWait.SpinUntil(() => Server.OpenHandles == 0, TimeSpan.FromSeconds(20)), $"{Server.OpenHandles} are open still");

    public void Dispose()
    {
        MountPoint.Remove(Guest, detach: true);
        foreach (Thread worker in _workers) worker.Join();
        _device.Dispose();
        Server.Dispose();
        Directory.Delete(_place, recursive: true);
    }

    private void Serve()
    {
        byte[] request = new byte[FileServer.MaxRequest];
        byte[] reply = new byte[FileServer.MaxReply];
        while (true)
        {
            try
            {
                int length = FileDescriptor.TryRead(_device, request);
                int answer = Server.Handle(request.AsSpan(0, length), reply);
                if (answer > 0) FileDescriptor.WriteAll(_device, reply.AsSpan(0, answer));
            }
            catch (LinuxException e) when (e.Errno == Errno.ENODEV)
            {
                return; // unmounted
            }
            catch (LinuxException e) when (e.Errno == Errno.ENOENT)
            {
                // The kernel gave the request up before it was read or answered.
            }
        }
    }
}
