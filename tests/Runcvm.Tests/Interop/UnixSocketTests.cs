using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Sockets;

namespace Runcvm.Tests.Interop;

public sealed class UnixSocketTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("runcvm-test-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Who_waits_for_a_sockets_name_is_never_refused()
    {
        for (int i = 0; i < 200; i++)
        {
            string path = Path.Combine(_folder.FullName, $"socket-{i}");
            Task waiting = Task.Run(() =>
            {
                // Looks all the time: a wait for the event would come too late to see a name that is there too early.
                while (!File.Exists(path)) Thread.Yield();
                UnixSocket.Connect(path).Dispose();
            }, TestContext.Current.CancellationToken);
            using SafeFileHandle listener = UnixSocket.ListenThenAppear(path);
            await waiting;
        }
    }

    [Fact]
    public void A_socket_takes_the_place_of_one_that_was_left()
    {
        string path = Path.Combine(_folder.FullName, "socket");
        UnixSocket.Listen(path).Dispose();
        using SafeFileHandle listener = UnixSocket.ListenThenAppear(path);
        using SafeFileHandle client = UnixSocket.Connect(path);
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder.FullName));
    }
}
