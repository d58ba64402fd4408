using System.Reflection;

namespace Runcvm.Tests.Layout;

/// <summary>
/// Which room of a project needs which, by what the compiler made of it. A room is the first part of a namespace below
/// the project's. A type in the project's own folder is a room by itself: it has no neighbours.
/// </summary>
internal sealed class RoomGraph
{
    private readonly string _project;

    // For each room those that it needs, each with one example: this type of mine, that type of theirs.
    private readonly SortedDictionary<string, SortedDictionary<string, string>> _needs = new(StringComparer.Ordinal);

    internal RoomGraph(string project, IEnumerable<(string From, string To)> references)
    {
        _project = project;
        foreach ((string from, string to) in references.Order())
        {
            (string room, string needed) = (RoomOf(from), RoomOf(to));
            if (room == needed) continue;
            if (!_needs.TryGetValue(room, out SortedDictionary<string, string>? rooms))
                _needs[room] = rooms = new(StringComparer.Ordinal);
            rooms.TryAdd(needed, $"{Short(from)} -> {Short(to)}");
        }
    }

    internal static RoomGraph Of(Assembly assembly, string project) => new(project, TypeReferences.Of(assembly));

    internal int Rooms => _needs.Count;

    /// <summary>One shortest circle for each set of rooms that have one, as a chain of types.</summary>
    internal IEnumerable<string> Circles()
    {
        HashSet<string> told = new(StringComparer.Ordinal);
        foreach (string room in _needs.Keys)
        {
            if (ShortestCircle(room) is not { } circle) continue;
            if (told.Add(string.Join(' ', circle.Order(StringComparer.Ordinal))))
                yield return string.Join(", ", circle.Zip([.. circle.Skip(1), circle[0]], (a, b) => _needs[a][b]));
        }
    }

    private List<string>? ShortestCircle(string start)
    {
        Dictionary<string, string> cameFrom = new(StringComparer.Ordinal);
        Queue<string> next = new([start]);
        while (next.TryDequeue(out string? room))
        {
            if (!_needs.TryGetValue(room, out SortedDictionary<string, string>? needed)) continue;
            foreach (string other in needed.Keys)
            {
                if (other == start) return Way(start, room, cameFrom);
                if (cameFrom.TryAdd(other, room)) next.Enqueue(other);
            }
        }

        return null;
    }

    private static List<string> Way(string start, string end, Dictionary<string, string> cameFrom)
    {
        List<string> way = [];
        for (string room = end; room != start; room = cameFrom[room]) way.Add(room);
        way.Add(start);
        way.Reverse();
        return way;
    }

    private string RoomOf(string type)
    {
        string[] parts = Short(type).Split('.');
        return parts.Length == 1 ? type : parts[0];
    }

    private string Short(string type)
        => type.StartsWith(_project + ".", StringComparison.Ordinal) ? type[(_project.Length + 1)..] : type;
}
