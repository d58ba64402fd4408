using System.Globalization;
using System.Text;
using Runcvm.Network;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Supervisor;
using Runcvm.Tests.Protocol.Frames;

namespace Runcvm.Tests.Supervisor;

public class DatagramSenderTests
{
    private readonly ConnectedPair _pair = new();
    private readonly GuestLink _link;
    private readonly WaitingBytes _waiting = new(10_000);
    private readonly List<(string Sender, string Answer)> _answers = [];

    public DatagramSenderTests() => _link = new GuestLink(_pair.Host);

    [Fact]
    public void One_that_is_forgotten_before_the_guest_has_read_of_it_sends_nothing_before_that()
    {
        // The guest does not read, and a long message is in front of what it is to be told.
        Task start = _link.SendAsync(new ConsoleText(new byte[3 * Channel.Window]));
        Channel control = _pair.Guest.Open(Start.ControlChannel);
        DatagramSender[] senders = [.. Enumerable.Range(0, 100).Select(Make)];
        Task[] lives = [.. senders.Select(static sender => sender.RunAsync())];
        for (int i = 0; i < 100; i += 2) senders[i].Close();
        _pair.Settle();
        Assert.DoesNotContain(senders, static sender => sender.IsAnnounced);

        Task guest = EchoAsync(control);
        _pair.Settle();
        Assert.True(start.IsCompletedSuccessfully && !guest.IsCompleted && !_pair.GuestRun.IsCompleted);
        IEnumerable<string> open = Enumerable.Range(0, 50).Select(static i => Name((i * 2) + 1));
        Assert.Equal(open.Select(static name => (name, "back: " + name)), _answers);
        Assert.All(lives.Where(static (_, i) => i % 2 == 0), static life => Assert.True(life.IsCompletedSuccessfully));
        Assert.All(lives.Where(static (_, i) => i % 2 == 1), static life => Assert.False(life.IsCompleted));
        Assert.True(_waiting.TryAdd(10_000));
    }

    [Fact]
    public void The_end_of_the_guest_ends_all_of_them_and_nothing_waits_any_more()
    {
        Task[] lives = [.. Enumerable.Range(0, 10).Select(Make).Select(static sender => sender.RunAsync())];
        _pair.HangUp();
        Assert.All(lives, static life => Assert.True(life.IsCompletedSuccessfully));
        Assert.True(_waiting.TryAdd(10_000));
    }

    [Fact]
    public void A_guest_that_cannot_connect_has_the_next_datagram_begin_anew()
    {
        var forgotten = new List<DatagramSender>();
        var sender = new DatagramSender(_link, 53, _waiting, static _ => { }, forgotten.Add);
        Task life = sender.RunAsync();
        Channel control = _pair.Guest.Open(Start.ControlChannel);
        Task<ReceivedMessage?> message = new MessageReader(control.ReadAsync).ReadAsync().AsTask();
        _pair.Settle();
        Connect connect = ConnectedPair.Ended(message)!.Value.Read<Connect>();
        for (uint i = 0; i < 2; i++) _pair.Guest.Open(Start.ChannelOf(connect.Id, i)).Close();
        _pair.Settle();
        Assert.True(life.IsCompletedSuccessfully);
        Assert.Equal([sender], forgotten);
    }

    private static string Name(int i) => i.ToString(CultureInfo.InvariantCulture);

    private DatagramSender Make(int i)
    {
        void Take(byte[] answer) => _answers.Add((Name(i), Encoding.ASCII.GetString(answer)));
        var sender = new DatagramSender(_link, 53, _waiting, Take, static _ => { });
        sender.Take(Encoding.ASCII.GetBytes(Name(i)));
        return sender;
    }

    private async Task EchoAsync(Channel control)
    {
        var messages = new MessageReader(control.ReadAsync);
        var echoes = new List<Task>();
        while (await messages.ReadAsync() is { } message)
        {
            if (message.Kind == MessageKind.Connect) echoes.Add(EchoAsync(message.Read<Connect>().Id));
        }

        await Task.WhenAll(echoes);
    }

    private async Task EchoAsync(uint id)
    {
        Channel input = _pair.Guest.Open(Start.ChannelOf(id, 0)), output = _pair.Guest.Open(Start.ChannelOf(id, 1));
        while (await Datagram.ReadAsync(input.ReadAsync) is { } datagram)
            await output.WriteAsync(Datagram.Frame([.. "back: "u8, .. datagram]));
    }
}
