"""What is known about the clip, and what must be true of every event."""
VISITS = [(6, 19), (23, 44.5), (50.5, 69.5), (74.5, 86.5), (92.5, 119.5), (123.5, 136.5)]
VISIT_TOLERANCE_S = 2.5
LEVELS = [(85, 'critical'), (60, 'high'), (30, 'medium'), (0, 'low')]


def check_box(box):
    assert box is not None and box['width'] > 0 and box['height'] > 0, box
    assert box['x'] >= 0 and box['y'] >= 0, box
    assert box['x'] + box['width'] <= 1.0001 and box['y'] + box['height'] <= 1.0001, box


def check_explained(event, dated=True):
    """Score, level and reasons fit together, and every reason points at something in the event. dated: the source
    knows the wall time."""
    score = event['risk_score']
    assert isinstance(score, int) and 0 <= score <= 100, score
    assert event['risk_level'] == next(name for least, name in LEVELS if score >= least), event['risk_level']
    assert event['summary'] and event['scorer'].startswith('rules'), event
    assert event['reasons'], 'no reason'
    assert sum(r['points'] for r in event['reasons']) == score, 'the points are not the score'
    assert event['track_ids'] == [t['id'] for t in event['tracks']]
    for reason in event['reasons']:
        assert reason['rule'] and reason['text'] and reason['points'], reason
        evidence = reason['evidence']
        assert evidence['track_id'] in event['track_ids'] + [None] * (reason['rule'] == 'limit'), reason
        assert event['start_s'] <= evidence['at_s'] <= event['end_s'], reason
        check_box(evidence['box'])
        assert bool(evidence['at']) == dated, evidence
