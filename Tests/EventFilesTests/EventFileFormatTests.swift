import Events
import Foundation
import Testing

@testable import EventFiles

/// Files as people and other programs write them: what can be read in one way only is read, and of the rest the
/// line, the column and what stands there are named.
@Suite final class EventFileFormatTests {
    private let directory = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-formats-\(UUID().uuidString)")
    private static let now = Timestamp(milliseconds: 1_800_000_000_000)

    init() throws { try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true) }

    deinit {
        do { try FileManager.default.removeItem(at: directory) } catch {}
    }

    private func read(_ content: Data) throws -> (events: [Event], skipped: Int, problem: String?) {
        let url = directory.appendingPathComponent("events")
        try content.write(to: url)
        var reader = try EventFileReader(path: url.path, now: Self.now)
        var events: [Event] = []
        while let event = try reader.next() { events.append(event) }
        return (events, reader.skipped, reader.firstProblem)
    }

    private func problem(_ content: Data) throws -> String {
        do {
            return try read(content).problem ?? ""
        } catch let error as EventFileError {
            return error.description
        }
    }

    private static let time: Int64 = 1_396_321_341_000

    @Test(arguments: [
        "user,item,timestamp\nu,i,1396321341\n", "user;item;timestamp\nu;i;1396321341.0\n", "user\titem\ttimestamp\nu\ti\t2014-04-01 03:02:21\n",
        "User, Item, Timestamp\nu, i, 2014-04-01T03:02:21Z\n", "\"user\",\"item\",\"timestamp\"\r\n\"u\" , \"i\" ,\"1396321341\"\r\n",
        "\u{feff}user,item,timestamp\nu,i,1396321341\n", "\n  \n\r\nuser,item,timestamp\n\nu,i,1396321341\n", "\u{feff}\nuser,item,timestamp\nu,i,1396321341\n",
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\nu\ti\t\t1396321341\n",
        "session_id:token\titem_id:token\ttimestamp:float\nu\ti\t1396321341.0\n", "u::i::4.5::1396321341\n",
        "UserID::MovieID::Rating::Timestamp\nu::i::5::1396321341\n", "SessionId\tItemId\tTime\nu\ti\t1396321341.000\n",
        "userId,movieId,rating,timestamp\nu,i,3.5,1396321341\n", "USER ID|ITEM-ID|DATETIME\nu|i|2014/04/01 03:02:21\n",
        "timestamp,visitorid,event,itemid,transactionid\n1396321341000,u,view,i,\n",
        "event_time,event_type,product_id,price,user_id,user_session\n2014-04-01 03:02:21 UTC,view,i,9.99,u,s\n",
        "user,user_id,item,timestamp\nu,other,i,1396321341\n",
        "\u{feff}{\"user\":\"u\",\"item\":\"i\",\"timestamp\":1396321341}\n", "\n \n {\"user\":\"u\",\"item\":\"i\",\"timestamp\":1396321341.0}\n",
        "{\"user\":\"u\",\"item\":\"i\",\"timestamp\":\"2014-04-01 03:02:21\",\"x\":1e999}\n",
        "{\"user\":\"u\",\"item\":\"i\",\"timestamp\":\"1396321341\"}\n",
    ]) func whatCanBeReadInOneWayIsRead(text: String) throws {
        let read = try read(Data(text.utf8))
        #expect(read.problem == nil)
        #expect(read.events.map(\.user.text) == ["u"])
        #expect(read.events.map(\.item.text) == ["i"])
        #expect(read.events.map(\.timestamp.milliseconds) == [Self.time])
        #expect(read.events.map(\.type) == ["view"])
    }

    @Test func ratingsAndDatesAreRead() throws {
        let movieLens = try read(Data("1::1193::5::978300760\n1::661::3::978302109\n".utf8))
        #expect(movieLens.events.map(\.item.text) == ["1193", "661"])
        #expect(movieLens.events.map(\.value) == [5, 3])
        #expect(movieLens.events.map(\.timestamp.milliseconds) == [978_300_760_000, 978_302_109_000])
        let dated = try read(Data("session,product,date,action,score\ns,p,2014-04-01,buy,2\n".utf8))
        #expect(dated.events.map(\.timestamp.milliseconds) == [1_396_310_400_000])
        #expect(dated.events.map(\.type) == ["buy"])
        #expect(dated.events.map(\.value) == [2])
    }

    /// In Latin-1 these are three users; read as broken UTF-8 they would be one.
    @Test func idsInLatin1AreRefusedByLineAndNeverMerged() throws {
        var content = Data("user,item,timestamp\n".utf8)
        for byte in [UInt8(0xE9), 0xE8, 0xEA] { content += Data("caf".utf8) + [byte] + Data(",i,1396321341\n".utf8) }
        let all = try problem(content)
        #expect(all.contains("line 2, column 1 (user): not UTF-8"), "\(all)")
        #expect(all.contains(#"found "caf\xE9""#), "\(all)")
        let mixed = try read(content + Data("café,i,1396321341\n".utf8))
        #expect(mixed.events.map(\.user.text) == ["café"])
        #expect(mixed.skipped == 3)
        // A column that nobody asked for refuses no event.
        let title = try read(Data("title,user,item,timestamp\ncaf".utf8) + [0xE9] + Data(",u,i,1396321341\n".utf8))
        #expect(title.skipped == 0)
        #expect(title.events.count == 1)
        let lines = try read(
            Data(#"{"user":"caf"#.utf8) + [0xE9] + Data("\",\"item\":\"i\",\"timestamp\":1396321341}\n".utf8)
                + Data(#"{"user":"u","item":"i","timestamp":1396321341}"#.utf8))
        #expect(lines.events.map(\.user.text) == ["u"])
        #expect(lines.problem?.hasPrefix("line 1: the value is not a JSON object in UTF-8; found") == true)
    }

    @Test(arguments: [
        ("user,item,timestamp\nu,i,yesterday\n", #"line 2, column 3 (timestamp): no time that exists"#, #"found "yesterday""#),
        ("user,item,timestamp\n\nu,i,2014-02-30\n", "line 3, column 3 (timestamp)", #"found "2014-02-30""#),
        ("user,item,timestamp\nu,i,1.39632e+09\n", "line 2, column 3 (timestamp)", #"found "1.39632e+09""#),
        ("user,item,timestamp\nu,i,20140401\n", "line 2, column 3 (timestamp): the timestamp is before 1990", #"found "20140401""#),
        ("user,item,timestamp\nu,i\n", "line 2, column 3 (timestamp): nothing stands there", ""),
        ("item,user,timestamp\n,u,1396321341\n", "line 2, column 1 (item): nothing stands there", ""),
        ("user,item,timestamp,rating\nu,i,1396321341,good\n", "line 2, column 4 (value): the value is not a finite number", #"found "good""#),
        ("user;item;timestamp;value\nu;i;1396321341;4,5\n", "line 2, column 4 (value)", #"found "4,5""#),
        ("user,item,timestamp\nu,\"i,1396321341\n", "line 2, column 2: a quote that does not end on its line", ""),
        ("1::1::5::978300760\n1::2::5\n1::3::5::then\n", "line 2, column 4 (timestamp): nothing stands there", ""),
        ("user,item,when\nu,i,1396321341\n", "line 1 names no column timestamp; found user, item, when", ""),
        ("\n\nuser;thing;timestamp\nu;i;1396321341\n", "line 3 names no column item; found user, thing, timestamp", ""),
        ("session_id;user_id;item_id;timestamp\n", "line 1: columns 1 and 2 (session_id, user_id) may all be the user", "name one of them user"),
        ("user,item,date,time\n", "line 1: columns 3 and 4 (date, time) may all be the timestamp", ""),
        ("a,b,c\n1,2,3\n", "line 1 is neither an event as JSON nor a header", #"found "a,b,c""#),
        ("1\t2\t5\t978300760\n", "line 1 is neither an event as JSON nor a header", #"found "1\t2\t5\t978300760""#),
        ("1::Toy Story (1995)::Animation\n", "line 1 is neither an event as JSON nor a header", ""),
        ("[{\"user\":\"u\"}]\n", "line 1 is a JSON array: write one event a line", ""),
        ("{\"user\":\"u\",\"item\":\"i\",\"timestamp\":\"2014-02-30\"}\n", "line 1: the timestamp is neither", #"2014-02-30"#),
    ]) func theRestIsNamedByLineAndColumn(text: String, place: String, found: String) throws {
        let problem = try problem(Data(text.utf8))
        #expect(problem.contains(place), "\(problem)")
        #expect(found.isEmpty || problem.contains(found), "\(problem)")
    }

    @Test func filesWithoutAnEventAreRefused() throws {
        #expect(try problem(Data("user,item,timestamp\n".utf8)).contains("has a header and no event"))
        #expect(try problem(Data("\u{feff}user,item,timestamp".utf8)).contains("has a header and no event"))
        for text in ["", "\u{feff}", "\n\n", " \r\n"] { #expect(try problem(Data(text.utf8)).contains("is empty"), "\(text.utf8)") }
        let utf16 = try #require("user,item,timestamp\nu,i,1396321341\n".data(using: .utf16))
        #expect(try problem(utf16).contains("is in UTF-16"))
    }
}
